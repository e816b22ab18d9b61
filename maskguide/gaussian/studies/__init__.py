"""One study for each paper: settings in, a frozen result out, with its numbers and its sentences."""
