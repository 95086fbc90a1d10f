namespace lpusim::device {}
