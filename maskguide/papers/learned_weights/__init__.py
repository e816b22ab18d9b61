"""Learned guidance weights, arXiv:2510.00815: a weight network trained by energy distance or square loss."""
