namespace lpusim::timeline {}
