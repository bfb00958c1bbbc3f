"""What it costs to carry runs to another place: tidelog, its peers, and bare HTTP as the limit."""
