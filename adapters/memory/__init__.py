"""In-memory fakes of every port, a file a port: for dry runs and fast tests."""
