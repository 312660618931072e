using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>Binds a section value by value, so that one that does not convert does not hide the others.</summary>
internal sealed class SectionBinding<TOptions>(IConfiguration configuration, string section) : IConfigureOptions<TOptions>, IValidateOptions<TOptions>
    where TOptions : class, new()
{
    private List<string> _errors = [];

    public void Configure(TOptions options)
    {
        var errors = new List<string>();
        var good = new List<KeyValuePair<string, string?>>();
        foreach (var (key, value) in configuration.GetSection(section).AsEnumerable(makePathsRelative: true))
        {
            if (value is null || key.Length == 0)
            {
                continue;
            }

            var leaf = new KeyValuePair<string, string?>(key, value);
            try
            {
                From([leaf]).Bind(new TOptions(), o => o.ErrorOnUnknownConfiguration = true);
                good.Add(leaf);
            }
            catch (InvalidOperationException e)
            {
                // What is wrong within an element of a list comes wrapped.
                var cause = e;
                while (cause.InnerException is InvalidOperationException inner)
                {
                    cause = inner;
                }

                errors.Add(cause.InnerException is null
                    ? $"{section}:{key} is not a setting; {(Nearest(key) is { } near ? $"did you mean {near}?" : "check the spelling of the key.")}"
                    : $"{section}:{key} is '{value}', which cannot be read: {cause.InnerException.Message.TrimEnd('.')}.");
            }
        }

        From(good).Bind(options);
        _errors = errors;
    }

    public ValidateOptionsResult Validate(string? name, TOptions options) =>
        _errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(_errors);

    private string? Nearest(string key) => SettingKeys.Nearest($"{section}:{key}", [new SettingsSection(section, typeof(TOptions))]);

    private static IConfigurationRoot From(IEnumerable<KeyValuePair<string, string?>> values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values).Build();
}
