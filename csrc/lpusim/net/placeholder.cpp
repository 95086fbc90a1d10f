namespace lpusim::net {}
