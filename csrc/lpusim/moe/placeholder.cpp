namespace lpusim::moe {}
