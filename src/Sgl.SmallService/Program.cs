using Sgl.Hosting;
using Sgl.SmallService;

return await ServiceRunner.RunAsync(args, SmallServiceHost.Create, "--Engine:Checkpoint=.");
