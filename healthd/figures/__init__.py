"""What is asked of a store, one way each for the command line, the API, the pages and the reports."""
