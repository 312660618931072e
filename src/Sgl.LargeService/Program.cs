using Sgl.Hosting;
using Sgl.LargeService;

return await ServiceRunner.RunAsync(args, LargeServiceHost.Create, "--Engine:Checkpoint=.");
