namespace lpusim::model {}
