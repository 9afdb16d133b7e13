"""From trained weights to a proven model: export, comparison, time and accuracy in the runtime it ships on."""
