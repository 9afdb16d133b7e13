"""Reading data sets: layout, tables of labels, pictures, and what was understood and left out."""
