# The MLflow server with the packages of a PostgreSQL store. The requirements in this folder pin every package, and the
# folder is the build context.
FROM python:3.11-slim-bookworm
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1
COPY requirements.txt requirements-postgres.txt /tmp/requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -r /tmp/requirements/requirements.txt -r /tmp/requirements/requirements-postgres.txt
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin app
USER app
WORKDIR /home/app
EXPOSE 5000
ENTRYPOINT ["mlflow"]
CMD ["server", "--host", "0.0.0.0"]
