namespace lpusim::chip {}
