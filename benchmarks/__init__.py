"""Each number that tidelog claims, beside its peers, from one interleaved run: `make bench`."""
