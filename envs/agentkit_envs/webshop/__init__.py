"""WebShop: find the product that an instruction asks for, choose its options and buy it."""
