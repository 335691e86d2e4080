"""What curation means, as pure functions: values in, values out."""
