namespace lpusim::lower {}
