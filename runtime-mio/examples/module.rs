//! A module: it subscribes to a type, prints each message of it, and finds all valid that are text.
//!
//! `cargo run -p egoist-mio --features gossip --example module -- 127.0.0.1:7001 540`

use std::env;
use std::error::Error;

use egoist_mio::gossip::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (node, data_type) = args.next().zip(args.next()).ok_or("usage: module HOST:PORT TYPE")?;
    let (notifications, sender) = Client::connect(node)?.split();
    sender.notify(data_type.parse()?)?;
    for notification in notifications {
        let notification = notification?;
        let text = str::from_utf8(&notification.data);
        println!("{}: {}", notification.id, text.unwrap_or("no text"));
        sender.verdict(notification.id, text.is_ok())?;
    }
    Ok(())
}
