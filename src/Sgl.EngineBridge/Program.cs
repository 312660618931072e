using Sgl.EngineBridge;
using Sgl.Hosting;

return await ServiceRunner.RunAsync(args, EngineBridgeHost.Create, "--Bridge:Endpoint=http://localhost:8000/v1", "--Bridge:Model=model");
