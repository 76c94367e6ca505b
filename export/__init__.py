"""Turn trained students into the files the runtime loads, and prove that nothing was lost."""
