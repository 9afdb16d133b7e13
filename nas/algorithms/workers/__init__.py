"""Where jobs run, and that none is done twice."""
