"""The sum of each row: an algorithm for the server's tests, found through FORECASTLE_ALGORITHMS."""
