namespace lpusim::serve {}
