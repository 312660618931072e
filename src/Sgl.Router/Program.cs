using Sgl.Hosting;
using Sgl.Router;

return await ServiceRunner.RunAsync(args, RouterHost.Create, "--Router:Small:Address=http://localhost:1", "--Router:Large:Address=http://localhost:1");
