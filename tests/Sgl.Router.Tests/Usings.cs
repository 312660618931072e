global using Wire = Sgl.V1;
