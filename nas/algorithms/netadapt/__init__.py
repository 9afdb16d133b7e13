"""NetAdapt: proposals, how they are evaluated, and which one is taken."""
