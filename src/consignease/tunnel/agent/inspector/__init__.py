"""The inspector of `consignease tunnel`: what went through, on 127.0.0.1, for its owner alone."""
