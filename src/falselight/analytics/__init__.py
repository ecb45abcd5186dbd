"""What an event table says about servers: connections, beacon scores, and peers' scores beside ours."""
