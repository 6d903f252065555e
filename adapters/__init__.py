"""The world behind the ports: a file or a folder each, named after its technology."""
