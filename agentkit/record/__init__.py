"""A run on disk: its folder, writer and reader, what its lines come to, how two runs differ."""
