"""MolmoAct v1: depth tokens, a drawn trace and action symbols, all as text; steering by a drawn trace."""
