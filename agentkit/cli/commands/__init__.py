"""The commands, one file each, loaded when the command is run."""
