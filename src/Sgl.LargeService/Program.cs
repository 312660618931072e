using Sgl.Hosting;
using Sgl.LargeService;

return await ServiceRunner.RunAsync(() => LargeServiceHost.Create(args));
