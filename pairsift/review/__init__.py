"""The page to review pairs on: an HTTP server for one data set, by default for this machine alone."""
