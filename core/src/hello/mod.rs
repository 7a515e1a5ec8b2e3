//! The hello / ping / addr network.
