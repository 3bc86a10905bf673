"""The findings of a cohort, and what it holds, as one HTML file that opens offline."""
