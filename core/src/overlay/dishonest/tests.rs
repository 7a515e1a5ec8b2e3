//! That lies are told as they are called, and what they do to the honest.

use alloc::string::ToString;

use super::*;

#[test]
fn orders_are_written_and_read() {
    for lie in Lie::ALL {
        let order = Order::Suffer { lie, to: 3 };
        assert_eq!(order.to_string().parse(), Ok(order));
    }
    assert_eq!("leave".parse(), Ok(Order::Leave));
    for text in ["suffer", "suffer nothing 1", "suffer beats", "leave 1"] {
        assert_eq!(text.parse::<Order>(), Err(NotAnOrder(text.to_string())));
    }
}
