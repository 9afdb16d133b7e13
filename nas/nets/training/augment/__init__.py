"""What training images go through: crops, flips, colours, RandAugment, erasing, mixup and CutMix, on batches."""
