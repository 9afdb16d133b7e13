"""Rules of thumb of published papers, each with the networks that test it."""
