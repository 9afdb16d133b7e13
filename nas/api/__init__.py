"""Whatever a command does, one call does: the functions behind `import nas` and behind the command line."""
