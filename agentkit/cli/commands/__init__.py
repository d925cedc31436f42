"""The commands, one file each and a folder for `run`, loaded when the command is used."""
