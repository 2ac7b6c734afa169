"""The tables, by what they are about; `consignease.store.schema` has them together."""
