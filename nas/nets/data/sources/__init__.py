"""Where images come from: folders, archives, tables, columns of images, shards."""
