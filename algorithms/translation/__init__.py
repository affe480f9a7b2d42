"""Translation by pretrained Transformers, converted to CTranslate2's format."""
