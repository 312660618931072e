using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;
using Sgl.Hosting.Internal;

namespace Sgl.Reference;

/// <summary>One running service.</summary>
/// <param name="Name"><c>router</c>, <c>small</c>, <c>large</c> or <c>bridge</c>.</param>
/// <param name="Project">Its project.</param>
/// <param name="App">The service.</param>
internal sealed record Service(string Name, string Project, WebApplication App)
{
    /// <summary>The sections of settings that it reads, as it registers them.</summary>
    public IReadOnlyList<SettingsSection> Sections { get; } = [.. App.Services.GetServices<SettingsSection>()];

    /// <summary>Makes what registers metrics when it is first needed.</summary>
    public void CreateMetrics()
    {
        var owners = AppDomain.CurrentDomain.GetAssemblies()
            .Where(a => a.GetName().Name!.StartsWith("Sgl.", StringComparison.Ordinal))
            .SelectMany(a => a.GetTypes())
            .Where(t => t.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)
                .Any(c => c.GetParameters().Any(p => p.ParameterType == typeof(ServiceMetrics))));
        foreach (var owner in owners)
        {
            App.Services.GetService(owner);
        }
    }

    /// <summary>Waits until the model is loaded.</summary>
    public Task UntilServingAsync() => App.Services.GetRequiredService<ServiceHealth>().WaitUntilServingAsync();
}
