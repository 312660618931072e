using Sgl.Hosting;
using Sgl.Router;

return await ServiceRunner.RunAsync(() => RouterHost.Create(args));
