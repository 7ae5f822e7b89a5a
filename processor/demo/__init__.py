"""The whole system on a real broker and real data, checked record by record by an evaluation of its own."""
