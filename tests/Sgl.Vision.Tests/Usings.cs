global using Sgl.TestKit;
