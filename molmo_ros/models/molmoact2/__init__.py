"""MolmoAct2: a Molmo2 whose key/value cache feeds a flow-matching action expert; Think adds adaptive depth."""
