"""What touches the disk and the terminal: the one atomic writer, the one reader of archives, the one progress bar."""
