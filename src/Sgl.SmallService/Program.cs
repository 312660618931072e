using Sgl.Hosting;
using Sgl.SmallService;

return await ServiceRunner.RunAsync(() => SmallServiceHost.Create(args));
