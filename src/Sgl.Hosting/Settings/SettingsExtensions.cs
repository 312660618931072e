using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Settings whose mistakes are all reported at start, misspelt keys included.</summary>
public static class SettingsExtensions
{
    /// <summary>Binds <typeparamref name="TOptions"/> to a section, with a validator, checked before the host starts.</summary>
    /// <typeparam name="TOptions">The settings.</typeparam>
    /// <typeparam name="TValidator">Its validator; it should collect all errors (<see cref="SettingErrors"/>).</typeparam>
    public static OptionsBuilder<TOptions> AddSettings<TOptions, TValidator>(this IServiceCollection services, IConfiguration configuration, string section)
        where TOptions : class, new()
        where TValidator : class, IValidateOptions<TOptions>
    {
        var binding = new SectionBinding<TOptions>(configuration, section);
        services.AddSingleton(new SettingsSection(section, typeof(TOptions)));
        services.AddSingleton<IConfigureOptions<TOptions>>(binding);
        services.AddSingleton<IValidateOptions<TOptions>>(binding);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TOptions>, TValidator>());
        return services.AddOptions<TOptions>().ValidateOnStart();
    }
}
