"""One page about one patient, as typed data and as one HTML file that opens offline."""
